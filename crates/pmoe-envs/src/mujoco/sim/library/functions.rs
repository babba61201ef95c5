//! The functions that mujoco-rs declares.

/// Passes the names of all functions that mujoco-rs 7.0.0 declares (`src/mujoco_c.rs`) to a macro.
macro_rules! with_functions {
    ($macro:ident) => {
        $macro! {
            mj_Euler mj_RungeKutta mj_actuatorInputName mj_addBufferVFS mj_addContact mj_addFileVFS
            mj_addM mj_angmomMat mj_applyFT mj_camlight mj_checkAcc mj_checkPos mj_checkVel
            mj_clearCache mj_collision mj_comPos mj_comVel mj_compareFwdInv mj_compile
            mj_constraintUpdate mj_contactForce mj_containsBufferVFS mj_containsFileVFS mj_copyBack
            mj_copyData mj_copyModel mj_copySpec mj_copyState mj_crb mj_defaultLROpt
            mj_defaultOption mj_defaultSolRefImp mj_defaultVFS mj_defaultVisual mj_deleteData
            mj_deleteFileVFS mj_deleteModel mj_deleteSpec mj_deleteVFS mj_differentiatePos
            mj_embedAssets mj_encode mj_energyPos mj_energyVel mj_extractState mj_factorM mj_flex
            mj_forward mj_forwardSkip mj_freeLastXML mj_freeStack mj_fullM mj_fwdAcceleration
            mj_fwdActuation mj_fwdConstraint mj_fwdKinematics mj_fwdPosition mj_fwdVelocity
            mj_geomDistance mj_getCache mj_getCacheCapacity mj_getCacheSize mj_getPluginConfig
            mj_getState mj_getTotalmass mj_id2name mj_implicit mj_initCtrlHistory
            mj_initSensorHistory mj_insideSite mj_integratePos mj_invConstraint mj_invPosition
            mj_invVelocity mj_inverse mj_inverseSkip mj_isDual mj_isPyramidal mj_isSparse mj_island
            mj_jac mj_jacBody mj_jacBodyCom mj_jacDot mj_jacGeom mj_jacPointAxis mj_jacSite
            mj_jacSubtreeCom mj_kinematics mj_loadAllPluginLibraries mj_loadModel mj_loadModelBuffer
            mj_loadPluginLibrary mj_loadTexture mj_loadXML mj_local2Global mj_makeConstraint
            mj_makeData mj_makeM mj_makeSpec mj_markStack mj_maxContact mj_mountVFS mj_mulJacTVec
            mj_mulJacVec mj_mulM mj_mulM2 mj_multiRay mj_name2id mj_normalizeQuat
            mj_objectAcceleration mj_objectVelocity mj_parse mj_parseXML mj_parseXMLString
            mj_passive mj_printData mj_printFormattedData mj_printFormattedModel
            mj_printFormattedScene mj_printModel mj_printScene mj_printSchema mj_projectConstraint
            mj_ray mj_rayFlex mj_rayHfield mj_rayMesh mj_readCtrl mj_readSensor mj_recompile
            mj_referenceConstraint mj_resetCallbacks mj_resetCtrl mj_resetData mj_resetDataDebug
            mj_resetDataKeyframe mj_rne mj_rnePostConstraint mj_saveLastXML mj_saveModel mj_saveXML
            mj_saveXMLString mj_sensorAcc mj_sensorPos mj_sensorVel mj_setCacheCapacity mj_setConst
            mj_setKeyframe mj_setLengthRange mj_setState mj_setTotalmass mj_sizeModel mj_solveM
            mj_solveM2 mj_stackAllocByte mj_stackAllocInt mj_stackAllocNum mj_stateSize mj_step
            mj_step1 mj_step2 mj_subtreeVel mj_tendon mj_transmission mj_unmountVFS mj_version
            mj_versionString mj_warning mjc_distance mjc_getSDF mjc_gradient mjd_inverseFD
            mjd_quatIntegrate mjd_subQuat mjd_transitionFD mjp_archiveProviderCount
            mjp_defaultDecoder mjp_defaultEncoder mjp_defaultPlugin mjp_defaultProvider
            mjp_findArchiveProvider mjp_findDecoder mjp_findEncoder mjp_findProvider mjp_getPlugin
            mjp_getPluginAtSlot mjp_getProviderAtSlot mjp_pluginCount mjp_providerCount
            mjp_registerArchiveProvider mjp_registerDecoder mjp_registerEncoder mjp_registerPlugin
            mjp_registerProvider mjr_addAux mjr_blitAux mjr_blitBuffer mjr_changeFont
            mjr_defaultContext mjr_defaultRendererInfo mjr_drawPixels mjr_figure mjr_findRect
            mjr_finish mjr_freeContext mjr_getError mjr_getRendererInfo mjr_label mjr_makeContext
            mjr_maxViewport mjr_overlay mjr_readPixels mjr_rectangle mjr_render mjr_resizeOffscreen
            mjr_restoreBuffer mjr_setAux mjr_setBuffer mjr_text mjr_uploadHField mjr_uploadMesh
            mjr_uploadTexture mjs_activatePlugin mjs_addActuator mjs_addBody mjs_addCamera
            mjs_addDefault mjs_addEquality mjs_addExclude mjs_addFlex mjs_addFrame mjs_addFreeJoint
            mjs_addGeom mjs_addHField mjs_addJoint mjs_addKey mjs_addLight mjs_addMaterial
            mjs_addMesh mjs_addNumeric mjs_addPair mjs_addPlugin mjs_addSensor mjs_addSite
            mjs_addSkin mjs_addTendon mjs_addText mjs_addTexture mjs_addTuple mjs_adoptInertial
            mjs_appendFloatVec mjs_appendIntVec mjs_appendString mjs_asActuator mjs_asBody
            mjs_asCamera mjs_asEquality mjs_asExclude mjs_asFlex mjs_asFrame mjs_asGeom mjs_asHField
            mjs_asJoint mjs_asKey mjs_asLight mjs_asMaterial mjs_asMesh mjs_asNumeric mjs_asPair
            mjs_asPlugin mjs_asSensor mjs_asSite mjs_asSkin mjs_asTendon mjs_asText mjs_asTexture
            mjs_asTuple mjs_attach mjs_bodyToFrame mjs_dedupAssets mjs_defaultActuator
            mjs_defaultBody mjs_defaultCamera mjs_defaultEquality mjs_defaultFlex mjs_defaultFrame
            mjs_defaultGeom mjs_defaultHField mjs_defaultJoint mjs_defaultKey mjs_defaultLight
            mjs_defaultMaterial mjs_defaultMesh mjs_defaultNumeric mjs_defaultOrientation
            mjs_defaultPair mjs_defaultPlugin mjs_defaultSensor mjs_defaultSite mjs_defaultSkin
            mjs_defaultSpec mjs_defaultTendon mjs_defaultText mjs_defaultTexture mjs_defaultTuple
            mjs_delete mjs_deleteUserValue mjs_discardVisual mjs_findBody mjs_findChild
            mjs_findDefault mjs_findElement mjs_findFrame mjs_findSpec mjs_firstChild
            mjs_firstElement mjs_fuseStatic mjs_getCompiler mjs_getDefault mjs_getDouble
            mjs_getError mjs_getFrame mjs_getId mjs_getName mjs_getOriginSpec mjs_getParent
            mjs_getPluginAttributes mjs_getSpec mjs_getSpecDefault mjs_getString mjs_getTimer
            mjs_getUserValue mjs_getWarning mjs_getWrap mjs_getWrapCoef mjs_getWrapDivisor
            mjs_getWrapNum mjs_getWrapSideSite mjs_getWrapTarget mjs_isWarning mjs_makeFlex
            mjs_makeMesh mjs_nextChild mjs_nextElement mjs_numWarnings mjs_resolveOrientation
            mjs_sensorDim mjs_setBuffer mjs_setDeepCopy mjs_setDefault mjs_setDouble mjs_setFloat
            mjs_setFrame mjs_setInStringVec mjs_setInt mjs_setName mjs_setPluginAttributes
            mjs_setString mjs_setStringVec mjs_setToAdhesion mjs_setToCylinder mjs_setToDCMotor
            mjs_setToDamper mjs_setToIntVelocity mjs_setToMotor mjs_setToMuscle mjs_setToOrientation
            mjs_setToPID mjs_setToPosition mjs_setToVelocity mjs_setUserValue
            mjs_setUserValueWithCleanup mjs_wrapGeom mjs_wrapJoint mjs_wrapPulley mjs_wrapSite
            mju_Halton mju_L1 mju_add mju_add3 mju_addScl mju_addScl3 mju_addTo mju_addTo3
            mju_addToScl mju_addToScl3 mju_axisAngle2Quat mju_band2Dense mju_bandDiag
            mju_bandMulMatVec mju_boxQP mju_boxQPmalloc mju_cholFactor mju_cholFactorBand
            mju_cholSolve mju_cholSolveBand mju_cholUpdate mju_clearHandlers mju_clip
            mju_closeResource mju_copy mju_copy3 mju_copy4 mju_cross mju_d2n mju_decodePyramid
            mju_decodeResource mju_dense2Band mju_dense2sparse mju_derivQuat mju_dist3 mju_dot
            mju_dot3 mju_eig3 mju_encodePyramid mju_error mju_euler2Quat mju_eye mju_f2n mju_fill
            mju_free mju_getLogConfig mju_getResourceDir mju_getXMLDependencies mju_info
            mju_insertionSort mju_insertionSortInt mju_isBad mju_isModifiedResource mju_isZero
            mju_malloc mju_mat2Quat mju_mat2Rot mju_max mju_message mju_min mju_mulMatMat
            mju_mulMatMatT mju_mulMatTMat mju_mulMatTVec mju_mulMatTVec3 mju_mulMatVec
            mju_mulMatVec3 mju_mulPose mju_mulQuat mju_mulQuatAxis mju_mulVecMatVec mju_muscleBias
            mju_muscleDynamics mju_muscleGain mju_n2d mju_n2f mju_negPose mju_negQuat mju_norm
            mju_norm3 mju_normalize mju_normalize3 mju_normalize4 mju_openResource mju_printMat
            mju_printMatSparse mju_quat2Mat mju_quat2Vel mju_quatIntegrate mju_quatZ2Vec mju_rayGeom
            mju_raySkin mju_readResource mju_rotVecQuat mju_round mju_scl mju_scl3 mju_setLogConfig
            mju_setLogHandler mju_sigmoid mju_sign mju_sparse2dense mju_springDamper mju_sqrMatTD
            mju_standardNormal mju_str2Type mju_strncpy mju_sub mju_sub3 mju_subFrom mju_subFrom3
            mju_subQuat mju_sum mju_sym2dense mju_symmetrize mju_threadpool mju_transformSpatial
            mju_transpose mju_trnVecPose mju_type2Str mju_unit4 mju_warning mju_warningText
            mju_writeLog mju_writeNumBytes mju_writeResource mju_zero mju_zero3 mju_zero4 mjui_add
            mjui_addToSection mjui_event mjui_render mjui_resize mjui_themeColor mjui_themeSpacing
            mjui_update mjv_addGeoms mjv_alignToCamera mjv_applyPerturbForce mjv_applyPerturbPose
            mjv_averageCamera mjv_camera2GLCamera mjv_cameraFrame mjv_cameraFrustum
            mjv_cameraInModel mjv_cameraInRoom mjv_connector mjv_copyData mjv_copyModel
            mjv_defaultCamera mjv_defaultFigure mjv_defaultFreeCamera mjv_defaultOption
            mjv_defaultPerturb mjv_defaultScene mjv_freeScene mjv_frustumHeight mjv_initGeom
            mjv_initPerturb mjv_makeLights mjv_makeScene mjv_model2room mjv_moveCamera mjv_moveModel
            mjv_movePerturb mjv_room2model mjv_select mjv_updateCamera mjv_updateScene
            mjv_updateSkin
        }
    };
}

pub(super) use with_functions;
